package lambda

import "testing"

// Settings that cannot work are refused at the start.
func TestSettings(t *testing.T) {
	for _, o := range []Options{
		{Endpoint: "127.0.0.1:9001"}, {Endpoint: "ftp://host"}, {Endpoint: "http://"}, {Endpoint: "http://user:secret@host"},
		{Endpoint: "http://host?x=y"}, {Endpoint: "http://host", AccessKey: "only"},
	} {
		o.Concurrent = 1
		c := Config{Options: o}
		c.Outbound.PollsMax = 1
		p := New(c)
		if err := p.Start(t.Context()); err == nil {
			t.Errorf("endpoint %q, key %q: accepted", o.Endpoint, o.AccessKey)
		}
	}
}
