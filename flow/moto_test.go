package flow_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"heddle/flow"
)

var withMoto = flag.Bool("moto", false, "run workflows against moto's server, which this machine's Python must have: compat/run integrations does")

// Another implementation of SWF runs the same workflows: what Heddle alone has is not needed. Moto has activities, timers, markers and signals; it gives
// each task with its whole history, and knows no lists of single workers.
func TestMoto(t *testing.T) {
	if !*withMoto {
		t.Skip("only with -moto: its server is a program of others, and its polls sleep a second each")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	moto := exec.CommandContext(t.Context(), "python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", fmt.Sprint(addr.Port))
	moto.Stdout, moto.Stderr = t.Output(), t.Output()
	if err := moto.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = moto.Process.Kill()
		_ = moto.Wait()
	}()
	c := flow.New(aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://" + addr.String()), Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")}, "moto")
	Tour := flow.Workflow[string, string]{Name: "Tour", Version: "1", TaskList: "tour"}
	w := flow.NewWorker(c, flow.WorkerConfig{TaskList: "tour", RetentionDays: 1, BreakPolls: true, Check: true}, Tour.By(tour), Double.By(func(_ context.Context, n int) (int, error) { return 2 * n, nil }),
		Charge.By(func(context.Context, Order) (string, error) { return "", fmt.Errorf("no: %w", ErrDeclined) }))
	for range 120 { // until it listens
		if err = w.Register(t.Context()); err == nil {
			break
		}
		time.Sleep(time.Second)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	run, err := Tour.Start(t.Context(), c, "tour", "fast")
	if err != nil {
		t.Fatal(err)
	}
	if err := Add.Send(t.Context(), c, "tour", 7); err != nil {
		t.Fatal(err)
	}
	if got, err := run.Result(t.Context()); err != nil || got != "fast 37 declined 4711" {
		t.Errorf("got %q, %v", got, err)
	}
	failed, err := Tour.Start(t.Context(), c, "fails", "fails")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := failed.Result(t.Context()); !errors.Is(err, ErrDeclined) {
		t.Errorf("got %v", err)
	}
	if _, err := Tour.Start(t.Context(), c, "tour", "fast"); err != nil {
		t.Errorf("begun anew: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// tour uses activities one after the other and at the same time, one that fails, a timer, an effect and a signal.
func tour(ctx flow.Context, in string) (string, error) {
	_, declined := Charge.Call(ctx, Order{ID: in})
	if in == "fails" {
		return "", declined
	}
	sum := 0
	doubled, err := flow.Map(ctx, 3, []int{1, 2, 3, 4, 5}, func(ctx flow.Context, n int) (int, error) { return Double.Call(ctx, n) })
	if err != nil {
		return "", err
	}
	for _, d := range doubled {
		sum += d
	}
	if err := flow.Sleep(ctx, time.Second); err != nil {
		return "", err
	}
	effect := flow.Effect(ctx, func() int { return 4711 })
	added, err := Add.Receive(ctx)
	if err != nil {
		return "", err
	}
	said := "charged"
	if errors.Is(declined, ErrDeclined) {
		said = "declined"
	}
	return fmt.Sprint(in, " ", sum+added, " ", said, " ", effect), nil
}
