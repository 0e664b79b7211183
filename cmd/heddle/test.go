package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"heddle/internal/sfn/rehearsal"
)

type testCommand struct {
	Machine string `arg:"" type:"existingfile" placeholder:"MACHINE.asl.json" help:"File of the definition of a state machine, in JSON or YAML."`
	Case    string `name:"case" required:"" type:"existingfile" placeholder:"FILE" help:"File of the test cases."`
}

// Run runs all cases, and tells of each. The exit code tells whether all are as expected.
func (c *testCommand) Run(k *kong.Kong) error {
	definition, err := os.ReadFile(c.Machine)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(c.Case)
	if err != nil {
		return err
	}
	substitutions, err := rehearsal.ReadSubstitutions(text)
	if err != nil {
		return fmt.Errorf("test cases %q: %w", c.Case, err)
	}
	extension := filepath.Ext(c.Machine)
	machine, err := rehearsal.ReadMachine(definition, extension == ".yaml" || extension == ".yml", substitutions)
	if err != nil {
		return fmt.Errorf("definition %q: %w", c.Machine, err)
	}
	cases, err := rehearsal.ReadCases(text, machine)
	if err != nil {
		return fmt.Errorf("test cases %q: %w", c.Case, err)
	}
	name, _, _ := strings.Cut(filepath.Base(c.Machine), ".")
	wrong := 0
	for i := range cases {
		r, err := rehearsal.Run(name, machine, &cases[i])
		if err != nil {
			return fmt.Errorf("test case %q: %w", cases[i].Name, err)
		}
		report(k.Stdout, cases[i].Name, r)
		if len(r.Differences) > 0 {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d test cases went otherwise than expected", wrong, len(cases))
	}
	return nil
}

// report writes how a case went.
func report(w io.Writer, name string, r *rehearsal.Result) {
	if len(r.Differences) == 0 {
		fmt.Fprintf(w, "ok    %s\n", name)
		return
	}
	fmt.Fprintf(w, "FAIL  %s\n", name)
	for _, d := range r.Differences {
		fmt.Fprintf(w, "      %s\n", strings.ReplaceAll(d, "\n", "\n      "))
	}
}
