"""The names of all cells. It imports nothing, for a command line must know them at once."""

# To add a cell: write its file and a line here, the place of its `reference.cells.Cell`. The name
# is that of cuDNN's mode, where it has one.
CELLS = {
    "relu": "reference.cells.elman:RELU",
    "tanh": "reference.cells.elman:TANH",
    "gru": "reference.cells.gru:GRU",
    "lstm": "reference.cells.lstm:LSTM",
}
