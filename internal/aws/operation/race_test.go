//go:build race

package operation_test

// racing: with the race detector, pools forget some of what they are given.
const racing = true
