"""Pages of figures: releases of a quarter, and the making of one."""
