package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// readyTime is how long a server may take to say whether it is ready.
const readyTime = 3 * time.Second

// readyCommand asks a server whether it takes requests, for the health checks of containers.
type readyCommand struct {
	Endpoint string `default:"http://127.0.0.1:7930" env:"AWS_ENDPOINT_URL" placeholder:"URL" help:"Where the server is."`
}

func (c *readyCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.Endpoint, "/")+"/ready", nil)
	if err != nil {
		return fmt.Errorf("ask whether the server is ready: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("ask whether the server is ready: %w; start it, or name another by --endpoint", err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server at %s is not ready: it answers with status %d", c.Endpoint, answer.StatusCode)
	}
	return nil
}
