"""One module for each room of the studio, with its `router`: the page, and the small API under /api that its script asks."""
