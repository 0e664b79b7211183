//go:build !race

package shard

const racing = false
