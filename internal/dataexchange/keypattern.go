package dataexchange

import "heddle/internal/dataexchange/catalog"

type namer struct{}

func newNamer(pattern *string, d *catalog.DataSet, r *catalog.Revision) (*namer, error) {
	return &namer{}, nil
}
func (n *namer) name(a *catalog.Asset) (string, error) { return a.Name, nil }
