// Command temporal runs Temporal's server and loads it, so that the bench can
// measure it beside ours: "serve" is the server from its own Go module with the
// settings of its development server and without API rate limits, "load" is a
// client made with its own SDK. It has a module of its own, because of all that
// the server needs.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		exit(fmt.Errorf("want serve or load"))
	}
	switch os.Args[1] {
	case "serve":
		exit(serve(os.Args[2:]))
	case "load":
		exit(load(os.Args[2:]))
	default:
		exit(fmt.Errorf("want serve or load, not %q", os.Args[1]))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "temporal:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
