"""Results to files: tables, text and figures. Nothing is computed here."""
