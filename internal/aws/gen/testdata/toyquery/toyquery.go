// Package toyquery is the toy model in the query protocol, for the generator's tests.
package toyquery
