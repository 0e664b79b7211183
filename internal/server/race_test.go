//go:build race

package server

// racing: the race detector makes everything ten times slower.
const racing = true
