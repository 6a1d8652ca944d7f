"""The products service: the catalogue, its prices and the stock."""
