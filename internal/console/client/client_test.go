package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestFaultsOfTheServerTellWhatToDo: who is told that the server failed hears where it says why.
func TestFaultsOfTheServerTellWhatToDo(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusBadRequest:          "InspectExecution: SomethingFault: what is wrong",
		http.StatusInternalServerError: "InspectExecution: SomethingFault: what is wrong; the server's log says why (request 17), and URL/ready whether it serves now",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-RequestId", "17")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"__type":"com.amazonaws#SomethingFault","message":"what is wrong"}`))
		}))
		c := &Client{endpoint: "URL/", region: "us-east-1", keys: aws.Credentials{AccessKeyID: "a", SecretAccessKey: "s"}, now: time.Now}
		c.http = doer(func(r *http.Request) (*http.Response, error) {
			there, err := http.NewRequestWithContext(r.Context(), r.Method, server.URL, r.Body)
			if err != nil {
				return nil, err
			}
			return server.Client().Do(there)
		})
		_, err := c.Call(t.Context(), Operator, "InspectExecution", struct{}{})
		if f, is := errors.AsType[*Fault](err); !is || f.Error() != want {
			t.Errorf("%d reads %v, want %s", status, err, want)
		}
		server.Close()
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
