// Package toyrest is the toy model in the REST protocol, for the generator's tests.
package toyrest
