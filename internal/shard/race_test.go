//go:build race

package shard

// racing: the race detector makes everything ten times slower.
const racing = true
