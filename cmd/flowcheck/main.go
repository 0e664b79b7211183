// Command flowcheck finds what workflow code must not do (package heddle/flow/flowcheck says what):
//
//	flowcheck ./...
//	go vet -vettool=$(which flowcheck) ./...
//
// It prints FILE:LINE:COLUMN: what, by which chain of calls, and what to do instead, and ends with 3
// if it found something.
package main

import (
	"golang.org/x/tools/go/analysis/singlechecker"

	"heddle/flow/flowcheck"
)

// singlechecker answers go vet's protocol too.
func main() { singlechecker.Main(flowcheck.Analyzer) }
