//go:build !unix

package main

func keepFilesPrivate() {} // such systems have lists instead
