//go:build unix

package main

import "golang.org/x/sys/unix"

// keepFilesPrivate has each file and folder that this process makes be for its owner only,
// whatever the shell or the unit says, and whoever makes it: the libraries below too.
func keepFilesPrivate() { unix.Umask(0o077) }
