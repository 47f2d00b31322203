"""The stores: MongoDB behind the interfaces of ``interfaces/stores``. Documents of the database do not leave this
package."""
