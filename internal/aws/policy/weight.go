package policy

import "unsafe"

// Bytes is how much memory the policy takes, roughly and rather too much than too little.
func (p *Policy) Bytes() int {
	n := sized(0, p.statements) + int(unsafe.Sizeof(*p))
	for i := range p.statements {
		s := &p.statements[i]
		n = textSized(n, s.sid)
		n = patternsSized(n, s.actions)
		n = resourcesSized(n, s.resources)
		if s.principals != nil {
			n += int(unsafe.Sizeof(*s.principals))
			for _, list := range [][]string{s.principals.accounts, s.principals.ids, s.principals.services} {
				n = sized(n, list)
				for _, text := range list {
					n = textSized(n, text)
				}
			}
		}
		n = sized(n, s.conditions)
		for j := range s.conditions {
			v := &s.conditions[j].values
			n = textSized(n, s.conditions[j].key)
			n = patternsSized(n, v.texts)
			n = resourcesSized(n, v.resources)
			n = sized(n, v.numbers)
			n = sized(n, v.dates)
			n = sized(n, v.networks)
		}
	}
	return n
}

// allocated is what the memory of n bytes takes beside them, at most.
func allocated(n int) int {
	if n == 0 {
		return 0
	}
	return n + n/8 + 16
}

// sized adds a list to a size.
func sized[T any](size int, list []T) int {
	var one T
	return size + allocated(cap(list)*int(unsafe.Sizeof(one)))
}

func textSized(size int, text string) int { return size + allocated(len(text)) }

func patternsSized(size int, all []pattern) int {
	size = sized(size, all)
	for _, p := range all {
		size = patternSized(size, p)
	}
	return size
}

func patternSized(size int, p pattern) int {
	size = sized(size, p)
	for i := range p {
		size = textSized(size, p[i].text)
		if p[i].fallback != nil {
			size = textSized(size, *p[i].fallback) + allocated(16)
		}
	}
	return size
}

func resourcesSized(size int, all []resourcePattern) int {
	size = sized(size, all)
	for i := range all {
		size = sized(size, all[i].parts)
		for _, p := range all[i].parts {
			size = patternSized(size, p)
		}
	}
	return size
}
