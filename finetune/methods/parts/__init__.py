"""What several methods share: importance of weights, penalties, choices of filters, images of the source task."""
