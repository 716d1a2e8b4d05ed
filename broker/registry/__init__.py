"""Which contracts and manifests an agency believes: pure books, and the files behind them."""
