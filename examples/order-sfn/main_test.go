package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"heddle/internal/server"
)

// Each scenario against a running server: what is shown of the history, without
// times, ids, and the events that say little. What the branches of the Parallel
// state do meanwhile is in no order, so it is sorted.
func TestScenarios(t *testing.T) {
	data := t.TempDir()
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Store: server.StoreMemory, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	t.Setenv("AWS_ENDPOINT_URL", s.URL())
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", server.CredentialsFile(data))
	const shipped = `ExecutionSucceeded {"id":"ORDER","parcel":"parcel of ORDER, 1900 g","receipt":"receipt of ORDER","total":55}`
	prepared := []string{
		`ActivitySucceeded "in stock"`,
		`ActivitySucceeded {"receipt":"receipt of ORDER"}`,
		`ActivitySucceeded {"reserved":"book for ORDER"}`,
		`ActivitySucceeded {"reserved":"lamp for ORDER"}`,
	}
	with := func(more ...string) []string { return append(slices.Clone(prepared), more...) }
	for _, c := range []struct {
		name string
		scenario
		want []string
	}{
		{"ships after its hold time", scenario{hold: 1}, with(
			`ActivitySucceeded {"parcel":"parcel of ORDER, 1900 g"}`, shipped, "WaitStateEntered Hold")},
		{"ships at once", scenario{express: true, hold: 60}, with(
			`ActivitySucceeded {"parcel":"parcel of ORDER, 1900 g"}`, shipped)},
		{"is charged at the second attempt", scenario{busy: true, express: true}, with(
			"ActivityFailed BankBusy: the bank asks to come again",
			`ActivitySucceeded {"parcel":"parcel of ORDER, 1900 g"}`, shipped)},
		{"is stopped", scenario{stop: true, hold: 60}, with(
			"ExecutionAborted CustomerGone: the customer wants it no more", "WaitStateEntered Hold")},
		{"is declined", scenario{decline: true, hold: 60}, []string{
			"ActivityFailed CardDeclined: the bank declines the card",
			`ActivitySucceeded "in stock"`,
			`ActivitySucceeded "nothing is owed for ORDER"`,
			"ExecutionFailed CardDeclined: the bank declines the card",
			"FailStateEntered Canceled",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clients, err := newClients(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := run(t.Context(), clients, c.scenario, &out); err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(regexp.MustCompile(`order-[0-9]{8}-[0-9-]+`).ReplaceAllString(out.String(), "ORDER")) {
				fields := strings.SplitN(strings.Join(strings.Fields(line), " "), " ", 3)
				if len(fields) < 3 || !slices.ContainsFunc([]string{"ActivityFailed", "ActivitySucceeded", "Execution", "FailState", "WaitStateEntered"},
					func(prefix string) bool { return strings.HasPrefix(fields[2], prefix) }) || strings.HasPrefix(fields[2], "ExecutionStarted") {
					continue
				}
				// Items that were being reserved when the card was declined are given up.
				if c.decline && strings.Contains(fields[2], "reserved") {
					continue
				}
				got = append(got, fields[2])
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"), &out)
			}
		})
	}
}

// TestActivitiesRefuse: what can't be done fails with the error that the state
// machine looks for.
func TestActivitiesRefuse(t *testing.T) {
	for _, c := range []struct{ activity, input, want string }{
		{"VerifyOrder", `{"id":"1","items":[]}`, "OrderInvalid: the order has no items"},
		{"VerifyOrder", `7`, "InputUnreadable: json: cannot unmarshal number into Go value of type main.order"},
		{"ChargeCreditCard", `{"id":"1","card":"` + declinedCard + `","attempt":0}`, "CardDeclined: the bank declines the card"},
		{"ChargeCreditCard", `{"id":"1","card":"` + busyCard + `","attempt":0}`, "BankBusy: the bank asks to come again"},
	} {
		if _, err := activities[c.activity]([]byte(c.input)); err == nil || err.Error() != c.want {
			t.Errorf("%s of %s: got %v, want %s", c.activity, c.input, err, c.want)
		}
	}
	if got, err := activities["ChargeCreditCard"]([]byte(`{"id":"1","card":"` + busyCard + `","attempt":1}`)); err != nil {
		t.Errorf("the second attempt gave %v, %v", got, err)
	}
}
