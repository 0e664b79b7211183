//go:build !race

package jsonata

const racing = false
