//go:build !unix

package main

// terminalSize is that of standard output; 0: nobody knows.
func terminalSize() (width, height int) { return 0, 0 }
