"""The payments service: charges, refunds, and their books."""
