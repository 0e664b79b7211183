package main

import (
	"fmt"
	"time"

	"heddle/internal/server"
)

type acceptTimeCommand struct {
	Data string `default:"${data}" env:"HEDDLE_DATA" type:"folder" help:"Folder of the store."`

	Time string `arg:"" help:"The present time, as you read it elsewhere than on this machine: 2026-03-01T12:00:00Z."`
}

func (c *acceptTimeCommand) Run() error {
	t, err := time.Parse(time.RFC3339, c.Time)
	if err != nil {
		return fmt.Errorf("%q: want a time such as 2026-03-01T12:00:00Z", c.Time)
	}
	if err := server.AcceptTime(c.Data, t); err != nil {
		return err
	}
	fmt.Println("accepted; a server that asks for it takes it within a second, and says so in its log")
	return nil
}
