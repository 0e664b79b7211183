package main

import (
	"fmt"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	"github.com/muesli/roff"
)

// manualCommand prints the manual page, made from what commands and flags say of themselves.
type manualCommand struct{}

func (manualCommand) Run(k *kong.Kong) error {
	_, err := fmt.Fprint(k.Stdout, mangokong.NewManPage(1, k.Model).Build(roff.NewDocument()))
	return err
}
