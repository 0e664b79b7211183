//go:build race

package policy_test

// racing: the race detector makes everything ten times slower.
const racing = true
