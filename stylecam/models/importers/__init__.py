"""Convert other people's networks into the model contract.

To add an importer: write a module in this package that fulfills `stylecam.models.importers.base.Importer` (a function
that recognizes the file by its first bytes and one that builds the graph), and add the module's name to `IMPORTERS` in
`stylecam.models.importers.detect`. That name is also the `importer` entry of the metadata. Everything else, such as
the metadata, the test on a photo and the messages, is the same for all importers.
"""
