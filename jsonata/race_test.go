//go:build race

package jsonata

// racing: the race detector makes everything ten times slower.
const racing = true
