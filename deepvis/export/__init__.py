"""What a scan found, as files: patches, contact sheets, an atlas of web pages, and the older tools' folders."""
