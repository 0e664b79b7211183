package metrics

import (
	"net/http/httptest"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// TestNativeHistograms: who asks for protobuf gets fine buckets beside the others.
func TestNativeHistograms(t *testing.T) {
	m, _ := newTestMetrics(0)
	m.Measured(world, parcel("shop", 1500))
	m.Measured(world, parcel("shop", 90_000))
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	read := expfmt.NewDecoder(w.Body, expfmt.ResponseFormat(w.Header()))
	for {
		var family dto.MetricFamily
		if err := read.Decode(&family); err != nil {
			t.Fatal("parcel_seconds is not there: ", err)
		}
		if family.GetName() != "parcel_seconds" {
			continue
		}
		h := family.GetMetric()[0].GetHistogram()
		if len(h.GetPositiveSpan()) < 2 || h.GetSampleCount() != 2 || h.GetSampleSum() != 91.5 || len(h.GetBucket()) != len(secondsOfTasks) {
			t.Errorf("%v", h)
		}
		return
	}
}
