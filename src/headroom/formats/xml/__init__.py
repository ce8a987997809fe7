"""XML documents as outlines and tables of like siblings."""
