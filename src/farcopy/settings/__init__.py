"""Django settings: `base` is what the store needs, `web` adds the site."""
