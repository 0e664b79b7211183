//go:build !unix

package main

// terminalWidth is that of standard output; 0: nobody knows.
func terminalWidth() int { return 0 }
