package server

import (
	"context"
	"net/netip"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/listen"
	"heddle/internal/matching"
	"heddle/internal/metrics"
)

// countedTasks bounds the polls that wait for a task. While they wait they are not
// counted as requests.
type countedTasks struct {
	lists
	metrics             *metrics.Metrics
	polls, requests     *listen.Shares // of clients
	pollParts, inFlight *accountParts  // of accounts
}

// Poll implements service.Tasks. It knows who calls.
func (t *countedTasks) Poll(ctx context.Context, list string, who matching.Poller) (*matching.Claim, error) {
	who.Account = operation.AccountOf(ctx)
	who.Principal, who.Address = operation.SenderOf(ctx)
	claim, err := t.poll(ctx, list, who)
	if err != nil {
		t.metrics.PollRefused(list)
	}
	return claim, err
}

func (t *countedTasks) poll(ctx context.Context, list string, who matching.Poller) (*matching.Claim, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return t.lists.Poll(ctx, list, who)
}

// begin takes the place of a poll for a call, until the function is called that it returns.
func (t *countedTasks) begin(ctx context.Context) (end func(), err error) {
	client, account := listen.ClientIn(ctx), operation.AccountOf(ctx)
	if !t.pollParts.take(account) {
		return nil, fault.Throttled()
	}
	if !t.polls.Take(client) {
		t.pollParts.add(account, -1)
		return nil, fault.Throttled()
	}
	return t.asPoll(ctx, client, account), nil
}

// Refuse has the poll wait on; it had its share when it came.
func (t *countedTasks) Refuse(ctx context.Context, c *matching.Claim) *matching.Claim {
	client, account := listen.ClientIn(ctx), operation.AccountOf(ctx)
	t.pollParts.add(account, 1)
	t.polls.Add(client, 1)
	defer t.asPoll(ctx, client, account)()
	return t.lists.Refuse(ctx, c)
}

// asPoll stops counting a request of a client and its account, which has a poll, until the
// function is called that it returns.
func (t *countedTasks) asPoll(ctx context.Context, client netip.Prefix, account string) (end func()) {
	listen.Waits(ctx)
	t.requests.Add(client, -1)
	t.inFlight.add(account, -1)
	return func() {
		t.requests.Add(client, 1)
		t.inFlight.add(account, 1)
		t.polls.Add(client, -1)
		t.pollParts.add(account, -1)
	}
}
