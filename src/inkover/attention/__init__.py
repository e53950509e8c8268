"""Attention: the tap that shows every attention call to a control, the controls, and the words that they speak of."""
