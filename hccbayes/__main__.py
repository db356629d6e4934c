"""``python -m hccbayes``."""

from hccbayes.cli import app

app()
