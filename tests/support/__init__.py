"""Projects and pods for the tests of the trainer."""
