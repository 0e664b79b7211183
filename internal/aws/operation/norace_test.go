//go:build !race

package operation_test

const racing = false
