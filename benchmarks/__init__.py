"""Speed, always beside a peer or a bare connection in the same run: the ratios last, the seconds do not."""
