"""Every chart, described once in plain values that the page and paper both draw."""
