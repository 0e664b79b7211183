package jsonpath_test

import (
	"fmt"

	"heddle/jsonpath"
	"heddle/jsonvalue"
)

func Example() {
	order, _ := jsonvalue.ParseString(`{
		"customer": {"name": "Ada"},
		"lines": [
			{"article": "loom", "pieces": 1, "price": 120.50},
			{"article": "heddle", "pieces": 400, "price": 0.35}
		]
	}`)
	for _, text := range []string{
		"$.customer.name",
		"$.lines[-1].article",
		"$.lines[?(@.price > 100)].article",
		"$..price",
		"$.lines.length()",
		"$.customer.address.city",
	} {
		path, err := jsonpath.Parse(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		found, err := path.Get(order)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(jsonvalue.Text(found))
	}
	// Output:
	// "Ada"
	// "heddle"
	// ["loom"]
	// [120.50,0.35]
	// 2
	// Missing property in path $['customer']['address']
}

func ExamplePath_Set() {
	before, _ := jsonvalue.ParseString(`{"order": 7}`)
	path, _ := jsonpath.Parse("$.result.shipment")
	after, err := path.Set(before, []any{"box 1", "box 2"})
	fmt.Println(jsonvalue.Text(after), err)
	fmt.Println(jsonvalue.Text(before))
	// Output:
	// {"order":7,"result":{"shipment":["box 1","box 2"]}} <nil>
	// {"order":7}
}

func ExamplePath_GetWithin() {
	path, _ := jsonpath.Parse("$..*..*..*")
	deep := any("end")
	for range 500 {
		deep = []any{deep}
	}
	budget := jsonpath.Budget{Steps: 10_000, Bytes: 64 << 20}
	_, err := path.GetWithin(&budget, deep)
	fmt.Println(err)
	// Output: The path takes too many steps
}
