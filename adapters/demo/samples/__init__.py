"""Sample exports of fictitious cases in the format of each kind of agency."""
