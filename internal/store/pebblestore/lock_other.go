//go:build !unix

package pebblestore

import "os"

// lockShared does nothing: here the file can't be open at all while Pebble has it
// locked, nor be locked while it is open.
func lockShared(*os.File) error { return nil }
