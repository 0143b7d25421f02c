"""What sessions of trials say, on one page: `python -m vega_eval.report DIR`."""
