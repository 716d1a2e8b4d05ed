"""The command ``concordant``: one package per noun, mounted by ``adapters/main.py``."""
