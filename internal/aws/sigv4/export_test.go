package sigv4

// Len is how many keys the cache holds.
func (c *KeyCache) Len() int { return len(c.young) + len(c.old) }
