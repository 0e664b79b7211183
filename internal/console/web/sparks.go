package web

import (
	"heddle/internal/console/view"
	operator "heddle/internal/operator/wire"
)

// sparks are an hour of a domain, or if that is empty of the server, as lines; nil: the visitor may
// not see them.
func (v *visit) sparks(domain string) ([]view.Spark, error) {
	in := &operator.GetSeriesInput{}
	if domain != "" {
		in.Domain = &domain
	}
	out, err := call[operator.GetSeriesOutput](v, "heddle", "GetSeries", in)
	if denied(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return view.Sparks(out), nil
}
