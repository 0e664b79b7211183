package main

import (
	"bytes"
	"os"
	"testing"
)

func TestGeneratedCodeIsCurrent(t *testing.T) {
	src, err := source()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("../codec_gen.go")
	if err != nil || !bytes.Equal(src, kept) {
		t.Errorf("codec_gen.go is not what gen writes (%v): go generate ./flow/internal/wire", err)
	}
}
