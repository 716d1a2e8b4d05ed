"""The command ``concordant``: one module per noun, mounted by ``adapters/main.py``."""
